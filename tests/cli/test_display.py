"""What a run shows of the engine's events."""

from pulumi.automation.events import DiagnosticEvent, EngineEvent

from surgeproof.emulator.display import Watch


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
