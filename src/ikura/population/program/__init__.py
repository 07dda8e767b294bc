"""Networks of the caller's as programs: what their modules compute, run by compiled operations member after member."""
