"""The commands as processes: what they print, how they end, what signals do."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from bridge_core.cli import FAILED, WRONG
from tests.support.installed import Commands, Server

SECRET = "n3Xq-7_vbR2kd84mZ0ptWcYyLh5sGaJf"
WORLD = f"""
[server]
port = 0
drain = 5.0
pid_file = "bridge.pid"
[auth]
secret = "{SECRET}"
[resources.world]
adapter = "city"
[roles.reader.world.cities]
read = true
"""


def reading(commands: Commands) -> httpx.Client:
    issued = commands.run("bridgectl", "token", "--role", "reader")
    assert issued.exit_code == 0, issued.stderr
    return httpx.Client(headers={"authorization": f"Bearer {issued.stdout.strip()}"}, timeout=20)


def test_a_configuration_is_served_to_who_has_a_token(commands: Commands) -> None:
    commands.configure(WORLD)

    with commands.serving() as server, reading(commands) as client:
        url = server.url()
        allowed = client.get(f"{url}rest/world/cities")
        anonymous = httpx.get(f"{url}rest/world/cities")

    assert [city["id"] for city in allowed.json()] == [1, 2, 3]
    assert anonymous.status_code == 401


def test_nothing_listens_but_the_configured_socket(commands: Commands) -> None:
    commands.configure(WORLD)

    with commands.serving() as server:
        port = int(server.url().rstrip("/").rpartition(":")[2])
        assert listening(server.process.pid) == [("127.0.0.1", port)]


def listening(pid: int) -> list[tuple[str, int]]:
    """Return what a process listens on, from what the kernel says."""
    folder = Path(f"/proc/{pid}")
    if not folder.exists():
        pytest.skip("this system has no /proc")
    own = {str(path.readlink()) for path in (folder / "fd").iterdir()}
    found = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in (folder / "net" / table).read_text().splitlines()[1:]:
            local, state, inode = (line.split()[index] for index in (1, 3, 9))
            if f"socket:[{inode}]" in own and state in {"0A", "07"}:
                address, port = local.split(":")
                found.append((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return found


def hold(server: Server, client: httpx.Client, answers: list[int], *, wait: int) -> threading.Thread:
    """Begin a request that the adapter never answers, so that its deadline ends it; 0 stands for a torn connection."""
    url = server.url()

    def ask() -> None:
        try:
            answers.append(
                client.get(f"{url}rest/world/cities?id=eq.0", headers={"prefer": f"wait={wait}"}).status_code
            )
        except httpx.TransportError:
            answers.append(0)

    thread = threading.Thread(target=ask)
    thread.start()
    client.get(f"{url}healthz")  # a second connection: the first request is on its way
    return thread


def test_sigterm_lets_requests_end_and_exits_with_zero(commands: Commands) -> None:
    commands.configure(WORLD)
    answers: list[int] = []

    with commands.serving() as server, reading(commands) as client:
        thread = hold(server, client, answers, wait=1)
        server.process.send_signal(signal.SIGTERM)
        thread.join()
        code = server.process.wait(10)

    assert code == 0
    assert answers == [504]


def test_requests_that_do_not_end_are_cut_off_at_the_drain_deadline(commands: Commands) -> None:
    commands.configure(WORLD.replace("drain = 5.0", "drain = 1.0"))
    answers: list[int] = []

    with commands.serving() as server, reading(commands) as client:
        thread = hold(server, client, answers, wait=15)
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(10)
        thread.join()

    assert code == 0
    assert answers == [0]


def test_a_second_sigterm_does_not_wait(commands: Commands) -> None:
    commands.configure(WORLD.replace("drain = 5.0", "drain = 60.0"))
    answers: list[int] = []

    with commands.serving() as server, reading(commands) as client:
        thread = hold(server, client, answers, wait=15)
        server.process.send_signal(signal.SIGTERM)
        while listening(server.process.pid):
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(5)
        thread.join()

    assert code == 0
    assert answers == [0]


def test_bridgectl_reload_makes_the_server_read_its_configuration_again(commands: Commands) -> None:
    commands.configure(WORLD)

    with commands.serving() as server, reading(commands) as client:
        url = server.url()
        commands.configure(WORLD.replace("cities]", "towns]").replace('"city"', '"city"\nmodel = "towns"'))
        done = commands.run("bridgectl", "reload")
        while "was read again" not in server.said():
            assert server.process.poll() is None
            time.sleep(0.02)
        answer = client.get(f"{url}rest/world/towns")

    assert done.exit_code == 0
    assert answer.status_code == 200


def test_bridgectl_reload_without_a_server_says_so(commands: Commands) -> None:
    commands.configure(WORLD)
    (commands.folder / "bridge.pid").write_text("1\n")  # left behind by a server that was killed

    done = commands.run("bridgectl", "reload")

    assert done.exit_code == FAILED
    assert "no server keeps" in done.stderr


def test_a_second_server_with_the_same_pid_file_does_not_start(commands: Commands) -> None:
    commands.configure(WORLD)

    with commands.serving() as server:
        server.url()
        second = commands.run("bridge-serve")

    assert second.exit_code == WRONG
    assert "another server runs" in second.stderr


def test_several_workers_share_the_socket_and_one_that_dies_is_replaced(commands: Commands) -> None:
    commands.configure(WORLD.replace("port = 0", "port = 0\nworkers = 2"))

    with commands.serving() as server, reading(commands) as client:
        url = server.url()
        first = children(server.process.pid)
        os.kill(first[0], signal.SIGKILL)
        while len(children(server.process.pid)) < 2 or set(children(server.process.pid)) == set(first):
            assert server.process.poll() is None
            time.sleep(0.02)
        assert client.get(f"{url}rest/world/cities").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0

    assert len(first) == 2


def test_workers_do_not_outlive_the_process_that_started_them(commands: Commands) -> None:
    commands.configure(WORLD.replace("port = 0", "port = 0\nworkers = 2"))

    with commands.serving() as server:
        server.url()
        workers = children(server.process.pid)
        server.process.kill()
        server.process.wait(5)
        until = time.monotonic() + 10
        while any(map(alive, workers)) and time.monotonic() < until:
            time.sleep(0.02)

    assert len(workers) == 2
    assert not any(map(alive, workers))


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if not path.exists():
        pytest.skip("this system does not tell the children of a process")
    return [child for child in map(int, path.read_text().split()) if alive(child)]


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


WRONGS = {
    "a missing file": (None, "there is no such file"),
    "an unknown key": (WORLD + "prot = 1", "there is no such key"),
    "an unreachable backend": (WORLD.replace('"city"', '"city"\nfault = "unavailable"'), "connection refused"),
    "an unknown field in a rule": (WORLD.replace("read = true", 'read = ["nmae"]'), "has no field 'nmae'"),
    "a short secret": (WORLD.replace(SECRET, "short"), "is shorter than 32 bytes"),
    "a taken port": (WORLD.replace("port = 0", "port = TAKEN"), "cannot listen on 127.0.0.1 port"),
}


@pytest.mark.parametrize(("text", "complaint"), WRONGS.values(), ids=WRONGS)
def test_a_server_that_cannot_start_says_why(commands: Commands, text: str | None, complaint: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if text is not None:
            commands.configure(text.replace("TAKEN", str(taken.getsockname()[1])))
        done = commands.run("bridge-serve")

    assert done.exit_code == WRONG
    assert complaint in done.stderr
    assert SECRET not in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_cannot_start_ends_with_a_few_lines(commands: Commands, workers: int) -> None:
    text = WRONGS["an unreachable backend"][0]
    assert text is not None
    commands.configure(text.replace("[server]", f"[server]\nworkers = {workers}"))

    done = commands.spawn("bridge-serve")

    assert done.returncode == WRONG
    assert "connection refused" in done.stderr
    assert "Traceback" not in done.stderr


def test_bridgectl_check_prints_what_it_found(commands: Commands) -> None:
    commands.configure(WORLD)

    done = commands.run("bridgectl", "check")

    assert done.exit_code == 0, done.stderr
    assert "world (city): 1 models: cities" in done.stdout


def test_bridgectl_check_reports_every_resource_that_fails(commands: Commands) -> None:
    fault = '[resources.a]\nadapter = "city"\nfault = "unavailable"\n[resources.b]\nadapter = "city"\nfault = "crash"'
    commands.configure(WORLD + fault)

    done = commands.run("bridgectl", "check")

    assert done.exit_code == FAILED
    assert "world (city): 1 models" in done.stdout
    assert "a (city): not available" in done.stderr
    assert "connection refused" in done.stderr
    assert "b (city): not available" in done.stderr


def test_bridgectl_token_refuses_a_role_that_nobody_wrote_down(commands: Commands) -> None:
    commands.configure(WORLD)

    done = commands.run("bridgectl", "token", "--role", "raeder")

    assert done.exit_code == WRONG
    assert "there is no role 'raeder' (did you mean 'reader'?); roles: reader" in done.stderr


def test_bridgectl_explain_shows_the_plan_and_does_not_run_it(commands: Commands) -> None:
    commands.configure(WORLD)

    done = commands.run("bridgectl", "explain", "/rest/world/cities?id=gt.1&order=name", "--role", "reader")

    assert done.exit_code == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["model"] == "cities"
    assert plan["sent"]
    assert "Lyon" not in done.stdout


@pytest.mark.parametrize(
    ("target", "role", "code"),
    [
        ("/rest/world/cities?idd=gt.1", "reader", "42703"),
        ("/rest/world/towns", "reader", "PGRST205"),
        ("/rest/world/cities", None, "PGRST302"),
    ],
)
def test_bridgectl_explain_says_what_the_caller_would_be_told(
    commands: Commands, target: str, role: str | None, code: str
) -> None:
    commands.configure(WORLD)

    done = commands.run("bridgectl", "explain", target, *(("--role", role) if role else ()))

    assert done.exit_code == FAILED
    assert json.loads(done.stderr)["code"] == code
