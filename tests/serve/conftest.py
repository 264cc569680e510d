"""A server in this process."""

from __future__ import annotations

import pytest

from serve.served import Painter


@pytest.fixture
def painter():
    made = Painter()
    yield made
    made.free.set()


@pytest.fixture
def serving(painter):
    """Starts a server with settings; gives its client."""
    from fastapi.testclient import TestClient

    from plantain.pipeline.predictor import wrap
    from plantain.serve.app import create_app

    clients = []

    def start(settings=None, **more):
        client = TestClient(create_app({"fake": wrap(painter), **more}, settings), raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield start
    painter.free.set()
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serving):
    return serving()
