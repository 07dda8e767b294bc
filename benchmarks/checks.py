"""Checks: how many planted faults are found and named, and how many false alarms there are on sound cases."""

from __future__ import annotations

import time
from typing import Any

from scipy.stats import binomtest

import ikura
from benchmarks.faults import FAULTS, Fault
from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table
from benchmarks.sound import SOUND, Sound

__all__ = ["find", "listen", "main"]


def find(fault: Fault) -> dict[str, Any]:
    """Make all checks of a planted fault."""
    began = time.perf_counter()
    checks = ikura.check(**fault.make())
    one = checks[fault.check]
    found = one.verdict in ("fail", "warn")
    return {
        "fault": fault.name,
        "where": fault.where,
        "check": fault.check,
        "verdict": one.verdict,
        "found": found,
        "named": found and fault.named in " ".join([one.finding, one.cause, one.fix]),
        "also": [other.name for other in checks.failed if other.name != fault.check],
        "finding": one.finding,
        "seconds": time.perf_counter() - began,
    }


def listen(sound: Sound) -> dict[str, Any]:
    """Make all checks of a sound case."""
    began = time.perf_counter()
    checks = ikura.check(**sound.make())
    alarms = {one.name: f"{one.verdict}: {one.finding}" for one in (*checks.failed, *checks.warned)}
    stuck = {one.name: one.finding for one in checks.of("skipped") if "could not be made" in one.finding}
    made = len(checks) - len(checks.of("skipped"))
    seconds = time.perf_counter() - began
    return {
        "case": sound.name,
        "made": made,
        "failed": len(checks.failed),
        "alarms": alarms,
        "stuck": stuck,
        "seconds": seconds,
    }


def text(found: list[dict[str, Any]], heard: list[dict[str, Any]]) -> str:
    """Lay the figures out."""
    lines = [f"checks ({header()})"]
    if found:
        rows = [[one["fault"], one["where"], one["check"], one["verdict"], one["seconds"]] for one in found]
        named, all_found = sum(one["named"] for one in found), sum(one["found"] for one in found)
        lines += ["", table(["planted fault", "in", "check", "verdict", "s"], rows), ""]
        lines += [f"found {all_found} of {len(found)} planted faults, named {named}"]
        lines += [f"  missed: {one['fault']}: {one['finding']}" for one in found if not one["named"]]
    if heard:
        wrong = [one for one in heard if one["alarms"]]
        failed = sum(one["failed"] > 0 for one in heard)
        low, high = binomtest(len(wrong), len(heard)).proportion_ci(method="wilson")
        lines += ["", f"sound cases: {len(heard)}, {sum(one['made'] for one in heard)} checks made"]
        lines += [
            f"false alarms (fail or warn): {len(wrong)} cases, {len(wrong) / len(heard):.1%} "
            f"(95 % interval {low:.1%} to {high:.1%}); with a failed check: {failed}"
        ]
        lines += [f"  {one['case']}: {name}: {told}" for one in wrong for name, told in one["alarms"].items()]
        lines += [f"  {one['case']}: {name}: {told}" for one in heard for name, told in one["stuck"].items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run the checks."""
    parser = command("checks", __doc__ or "", "", "--only sound --json")
    parser.add_argument("--only", choices=["faults", "sound"], help="planted faults or sound cases alone")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th only (1)")
    given = parser.parse_args(arguments)
    found, heard = [], []
    if given.only != "sound":
        for fault in list(FAULTS.values())[:: given.every]:
            found.append(find(fault))
            say(f"{fault.name}: {found[-1]['verdict']}, {found[-1]['seconds']:.1f} s")
    if given.only != "faults":
        for sound in list(SOUND.values())[:: given.every]:
            heard.append(listen(sound))
            say(f"{sound.name}: {heard[-1]['alarms'] or 'silent'}, {heard[-1]['seconds']:.1f} s")
    give({"machine": describe(), "faults": found, "sound": heard}, text(found, heard), given.json)


if __name__ == "__main__":
    main()
