"""The way in to other libraries' names: `import graphc.compat.tensorflow as tf`.

`graphc.compat.tensorflow` and `graphc.compat.keras` are made by graphc.frontend.compat, and found
by a finder that is installed here; it also finds what stands below an alias such as
`sys.modules["tensorflow"] = graphc.compat.tensorflow`.
"""

from __future__ import annotations

from graphc.frontend.compat import importing

importing.install()
