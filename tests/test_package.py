def test_version() -> None:
    import ikura

    assert ikura.__version__
