# Debian's login shells reset PATH; the student's own programs come first.
PATH=$HOME/.local/bin:/usr/local/bin:/usr/bin:/bin
export PATH
