"""The pages a person reads in a browser: the tracker's issues, the help desk's tickets."""
