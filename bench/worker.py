"""A contender of the benchmark in a process of its own: answers one event as often as requested, and prints times.

`python worker.py MODULE EVENT`: MODULE has the Chalice application `app`, EVENT is JSON. The worker prints the CPU
seconds of the import and of the first call. Then, for each line N on standard input, the worker calls the application
N times and prints the CPU seconds of one call.
"""

import importlib
import json
import os
import sys
import time


def main(module: str, event_text: str) -> None:
    """Answer until standard input ends."""
    event = json.loads(event_text)
    results = sys.stdout
    started = time.process_time()
    application = importlib.import_module(module).app
    imported = time.process_time()
    with open(os.devnull, "w") as sys.stdout:  # the log lines of the application
        answer = application(event, None)
        print(imported - started, time.process_time() - imported, file=results, flush=True)
        assert answer["statusCode"] < 400, answer["statusCode"]
        for line in sys.stdin:
            calls = int(line)
            started = time.process_time()
            for _ in range(calls):
                application(event, None)
            print((time.process_time() - started) / calls, file=results, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
