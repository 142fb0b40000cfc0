"""CONC: what must hold when much happens at once."""

import threading
import time

from actors import Registry, unique
from jose import verify

MINTERS = 4
ROTATIONS = 4
SECONDS = 2


def test_CONC_08_every_token_verifies_against_a_key_set_that_is_not_too_old(own_legate):
    """Keys are rotated while tokens are issued: no gateway needs a set younger than its cache time."""
    registry = Registry(own_legate)
    api = registry.resource()
    agents = [registry.agent(api) for _ in range(MINTERS)]
    before = own_legate.jwks
    tokens: list[str] = []
    ending = threading.Event()
    failures: list[BaseException] = []

    def mint(agent) -> None:
        try:
            while not ending.is_set():
                tokens.append(agent.token(resource=api.uri, task_id=unique("task")))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=mint, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS / 2)
    rotations = [own_legate.admin("POST", "/keys/rotate", {}).status_code for _ in range(ROTATIONS)]
    time.sleep(SECONDS / 2)
    ending.set()
    for thread in threads:
        thread.join()
    assert not failures
    # One successor at a time: it is published long before its first use.
    assert (rotations[0], set(rotations[1:])) == (201, {400})
    after = own_legate.jwks
    assert {key["kid"] for key in before["keys"]} <= {key["kid"] for key in after["keys"]}
    assert len(after["keys"]) > len(before["keys"])
    assert len(tokens) > 100
    for token in tokens:
        for keys in (before, after):
            verify(token, keys)
