from surgeproof.emulator.display import Display


def test_an_arn_is_shown_as_it_is(capsys):
    """Emoji are written as `:secret:`, and so are the names of secrets."""
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop"

    Display().outputs({"databaseSecretArn": arn})

    assert capsys.readouterr().out.splitlines() == ["Outputs", f"  databaseSecretArn  {arn}"]
