"""The Autobahn|Testsuite's fuzzing client or server. For Python 2.7, which the suite is written in.

    python2.7 fuzzer.py PLAN

PLAN is a JSON file:

    side      "server": the server at `uri` is tested; "client": clients that connect to us are
    uri       of the server to test
    cases     patterns of cases, such as "9.*"
    shard     [i, n]: of these cases only each n-th, from the i-th on, counted from 1
    timeout   seconds after which it ends in any case
    count     most messages that a case sends; null: as many as the suite says
    results   the file that each case's verdict is written to as it is reached, a JSON object a line

The first line written to standard output is the number of cases, behind it for "client" the URI to
connect to. It listens at 127.0.0.1 alone.
"""

import json
import sys

# This file's folder has an autobahn.py of its own.
sys.path.pop(0)

# Before anything else of Twisted.
from autobahntestsuite import choosereactor  # noqa: F401 I001
from autobahntestsuite import fuzzing
from autobahntestsuite.case import CaseBasename, CaseCategories, Cases, CaseSetname
from autobahntestsuite.case import CaseSubCategories
from autobahntestsuite.caseset import CaseSet
from twisted.internet import reactor

AGENT = "wsfast"
ADDRESS = "ws://127.0.0.1"
AFTERWARDS = 0.5  # seconds, in which the connection that has asked for reports is closed
MOST_TOLD = 4000  # characters of the wire's log, and of what was received


def stop():
    if reactor.running:
        reactor.stop()


def cap_counts(count):
    """228 cases send their message COUNT times: the bulk of the suite's time."""
    for case in Cases:
        if getattr(case, "COUNT", 0) > count:
            case.COUNT = count


def choose_cases(patterns, index, of):
    everything = CaseSet(CaseSetname, CaseBasename, Cases, CaseCategories, CaseSubCategories)
    return everything.parseSpecCases({"cases": patterns})[index - 1 :: of]


def verdict(seen):
    kept = ("id", "behavior", "behaviorClose", "duration", "result", "resultClose")
    told = {name: seen[name] for name in kept}
    told["closeCode"] = seen["remoteCloseCode"]
    if seen["behavior"] != "OK" or seen["behaviorClose"] != "OK":
        for name in ("description", "expectation", "wasNotCleanReason", "droppedByMe"):
            told[name] = seen[name]
        for name in ("expected", "received", "wirelog"):
            told[name] = repr(seen[name])[:MOST_TOLD]
    return json.dumps(told, sort_keys=True)


def main(plan):
    results = open(plan["results"], "w")

    def write(factory, seen):
        results.write(verdict(seen) + "\n")
        results.flush()

    # Their reports of a page a case take longer than many a case does.
    fuzzing.FuzzingFactory.logCase = write
    fuzzing.FuzzingFactory.createReports = lambda factory: reactor.callLater(AFTERWARDS, stop)
    if plan["count"]:
        cap_counts(plan["count"])
    cases = choose_cases(plan["cases"], *plan["shard"])
    spec = {"cases": cases, "outdir": "/nonexistent"}
    facts = [str(len(cases))]
    # Their words about each case go to standard error.
    out, sys.stdout = sys.stdout, sys.stderr
    if plan["side"] == "server":
        spec["servers"] = [{"agent": AGENT, "url": plan["uri"]}]
        fuzzing.FuzzingClientFactory(spec)
    else:
        factory = fuzzing.FuzzingServerFactory(dict(spec, url=ADDRESS))
        port = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port
        facts.append(ADDRESS + ":" + str(port))
        # It compares the port with that in the header field Host.
        factory.setSessionParameters(url=facts[1])
    out.write(" ".join(facts) + "\n")
    out.flush()
    reactor.callLater(plan["timeout"], stop)
    reactor.run()
    results.close()


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        main(json.load(file))
