"""The heap of a process that stays."""

import gc


def keep_what_is_there() -> None:
    """Spare the garbage collector what a process is made of, which stays as long as the process does.

    Modules, models and schemas are hundreds of thousands of objects: looking through all of them takes a tenth of a
    second, in which nothing is answered, and under load it comes every few seconds.
    """
    gc.collect()
    gc.freeze()
