# A login shell starts with Debian's own PATH; the student's tools come first.
PATH=$HOME/.local/bin:/usr/local/bin:/usr/bin:/bin
export PATH
