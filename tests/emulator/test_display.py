"""What a run shows of the engine's events."""

from pulumi.automation.events import DiagnosticEvent, EngineEvent

from surgeproof.emulator.display import Display, Watch


def diagnostic(severity, message):
    event = DiagnosticEvent(message=message, color="never", severity=severity)
    return EngineEvent(sequence=1, timestamp=1, diagnostic_event=event)


def test_what_the_pack_says_while_it_works_is_kept_to_be_shown():
    watch = Watch()

    watch.note(diagnostic("info#err", "surgeproof: compiling the simulation\n\n"))

    assert watch.said == ["compiling the simulation"]
    assert (watch.errors, watch.warnings) == ([], [])


def test_what_others_write_on_stderr_is_not():
    watch = Watch()

    watch.note(diagnostic("info#err", "some plugin: hello\n"))
    watch.note(diagnostic("info", "surgeproof: not on stderr\n"))

    assert watch.said == []


def test_what_the_engine_reports_cannot_act_on_the_terminal(capsys):
    display = Display()

    display.say("\x1b[2J[bold]done[/]\n::error::gone")
    display.complain("error: \x07")
    display.outputs({"url": "\x1b]0;title\x07\n::add-mask::a"})

    printed, complained = capsys.readouterr()
    assert printed.splitlines() == [
        "\\u001b[2J[bold]done[/]",
        "\\u003a:error::gone",
        "Outputs",
        "  url  \\u001b]0;title\\u0007\\n::add-mask::a",
    ]
    assert complained == "error: \\u0007\n"


def test_an_arn_is_shown_as_it_is(capsys):
    """Emoji are written as `:secret:`, and so are the names of secrets."""
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop"

    Display().outputs({"databaseSecretArn": arn})

    assert capsys.readouterr().out.splitlines() == ["Outputs", f"  databaseSecretArn  {arn}"]
