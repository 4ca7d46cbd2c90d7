def pytest_configure(config):
    config.addinivalue_line("markers", "slow: needs seconds, since it follows single requests")
