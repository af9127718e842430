"""The one family of errors whose text is meant for the person at the keyboard."""


class PartwiseError(Exception):
    """Bad input: one clear sentence that names the file or option and the cause.

    The command line prints it and exits with code 2; library callers can catch it.
    """
