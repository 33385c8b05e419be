"""masking_key(): RFC 6455 section 5.3 asks for keys that can't be predicted, and a pool must not
hand out any of its octets twice, whatever forks and whichever thread draws."""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from implementations import Implementation
from processes import output, python

HAVE_FORK = hasattr(os, "fork")

# A source that says which process drew and never repeats itself: every key must be a word of it.
COUNTED = """
import os, struct, sys, threading
lock, count, words = threading.Lock(), 0, set()
child = 0
def urandom(size):
    global count
    with lock:
        start, count = count, count + -(-size // 4)
        drawn = [struct.pack("!I", child | word) for word in range(start, count)]
        words.update(drawn)
        return b"".join(drawn)[:size]
os.urandom = urandom
from wsfast.{package}.mask import masking_key
"""

IN_THREADS = """
keys = []
def draw():
    keys.extend([masking_key() for _ in range(5000)])
threads = [threading.Thread(target=draw) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
draw()
assert len(keys) == 45000
assert set(keys) <= words, "a key that the operating system did not give"
assert len(set(keys)) == len(keys), "a key handed out twice"
"""

ACROSS_FORKS = """
before = {masking_key() for _ in range(100)}
reads, pids = [], []
for number in range(1, 4):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        child = number << 28
        drawn = [masking_key() for _ in range(3000)]
        own = all(struct.unpack("!I", key)[0] >> 28 == number for key in drawn)
        os.write(write, b"own" if own and len(set(drawn)) == 3000 else b"shared")
        os._exit(0)
    os.close(write)
    reads.append(read)
    pids.append(pid)
after = {masking_key() for _ in range(3000)}
for read, pid in zip(reads, pids):
    assert os.read(read, 10) == b"own", "a child used octets of its parent's pool"
    os.waitpid(pid, 0)
assert len(before | after) == 3100, "the parent repeated itself after a fork"
assert after <= words
"""

FORK_IN_A_THREAD = """
results = []
def fork_and_draw():
    global child
    mine = {masking_key() for _ in range(10)}
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        child = 1 << 28
        own = all(struct.unpack("!I", masking_key())[0] >> 28 == 1 for _ in range(2000))
        os.write(write, b"own" if own else b"shared")
        os._exit(0)
    os.close(write)
    results.append((os.read(read, 10), {masking_key() for _ in range(2000)} | mine))
    os.waitpid(pid, 0)
thread = threading.Thread(target=fork_and_draw)
thread.start()
thread.join()
[(said, mine)] = results
assert said == b"own"
assert len(mine) == 2010
"""


def _package(implementation: Implementation) -> str:
    return "_speedups" if implementation.compiled else "_fallback"


def _run(implementation: Implementation, script: str) -> None:
    output(COUNTED.format(package=_package(implementation)) + script)


def test_a_key_is_4_octets(implementation: Implementation) -> None:
    for _ in range(10000):
        key = implementation.mask.masking_key()
        assert type(key) is bytes
        assert len(key) == 4


def test_every_key_is_of_the_operating_system_and_none_comes_twice(
    implementation: Implementation,
) -> None:
    _run(implementation, IN_THREADS)


@pytest.mark.skipif(not HAVE_FORK, reason="this system has no fork")
def test_parent_and_children_share_no_octet_of_the_pool(implementation: Implementation) -> None:
    _run(implementation, ACROSS_FORKS)


@pytest.mark.skipif(not HAVE_FORK, reason="this system has no fork")
def test_a_fork_by_another_thread_shares_no_octet_either(implementation: Implementation) -> None:
    _run(implementation, FORK_IN_A_THREAD)


def test_keys_collide_at_the_birthday_rate(implementation: Implementation) -> None:
    draws = 2**20
    masking_key = implementation.mask.masking_key
    distinct = len({masking_key() for _ in range(draws)})
    # 2**40 / 2 pairs over 2**32 keys: 128 expected, with a standard deviation of 11.3.
    assert 60 <= draws - distinct <= 200


def test_every_bit_of_a_key_is_set_half_of_the_time(implementation: Implementation) -> None:
    draws = 2**14
    masking_key = implementation.mask.masking_key
    keys = [int.from_bytes(masking_key(), "big") for _ in range(draws)]
    for bit in range(32):
        ones = sum(key >> bit & 1 for key in keys)
        assert abs(ones - draws // 2) < 8 * 64  # 8 standard deviations


def test_seeding_random_does_not_lead_to_the_same_keys(implementation: Implementation) -> None:
    runs = []
    for _ in range(2):
        random.seed(6455)
        runs.append([implementation.mask.masking_key() for _ in range(10)])
    assert runs[0] != runs[1]


def test_threads_draw_at_the_same_time(implementation: Implementation) -> None:
    barrier = threading.Barrier(8)

    def draw(_: int) -> set[bytes]:
        barrier.wait()
        return {implementation.mask.masking_key() for _ in range(2000)}

    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(draw, range(8)))
    # 16,000 draws: 0.03 collisions expected.
    assert sum(map(len, drawn)) - len(set().union(*drawn)) <= 3


def test_encoded_frames_draw_their_keys_from_it_each_anew(implementation: Implementation) -> None:
    encode = implementation.frames.encode_frame
    keys = {encode(2, b"", mask=True)[2:6] for _ in range(1000)}
    assert len(keys) >= 999


DRAW_IN_A_POOL = """
import multiprocessing, sys
from wsfast.{package}.mask import masking_key

def draw(number):
    return [masking_key() for _ in range(500)]

if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    if {method!r} == "forkserver":
        context.set_forkserver_preload(["wsfast.{package}.mask"])
    with context.Pool(2) as pool:
        runs = pool.map(draw, range(4), chunksize=1)
    runs.append(draw(0))
    keys = [key for run in runs for key in run]
    assert len(keys) - len(set(keys)) <= 2, "processes draw the same keys"
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_processes_of_multiprocessing_draw_their_own(
    implementation: Implementation, method: str, tmp_path: Path
) -> None:
    script = tmp_path / "draws.py"
    script.write_text(DRAW_IN_A_POOL.format(package=_package(implementation), method=method))
    ran = python(str(script))
    assert ran.returncode == 0, ran.stderr
