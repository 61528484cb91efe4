"""`python -m apercu` is the command `apercu`."""

from apercu.cli.main import main

raise SystemExit(main())
