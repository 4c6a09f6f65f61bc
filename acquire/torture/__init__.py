"""Torture: crashes and faults on purpose, in simulation, and what must hold whatever happens.

`course` is the run that nothing disturbs. `troubles` says what happens to each try, drawn from a
seed; `ordeal` and `kills` do it; `snapshots` leaves a folder as a crash would; `evidence` reads
what a folder holds, `account` holds the journal against the simulators' ledgers, and `invariants`
says what is wrong. `campaign` chooses tries and counts.
"""
