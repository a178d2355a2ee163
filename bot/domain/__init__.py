"""Pure: what a task, a notice, the list and the bot's own trouble are, and what follows from what.

No I/O, no clock, no logging, no markup. (Only `summary` asks the machine for its time zone, to know what a day is.)
"""
