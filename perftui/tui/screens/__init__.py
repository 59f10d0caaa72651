"""The screens: the picker, the watch, the help."""
