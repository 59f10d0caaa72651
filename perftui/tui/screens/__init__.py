"""The screens: the picker, the watch, the query browser, the help."""
