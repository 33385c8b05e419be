# Run by `site` when a Python starts that was started, however indirectly, by `wsfast run`: this
# directory is then the first on PYTHONPATH. It does what WSFAST_ADAPTERS says, and leaves nothing
# behind of itself: neither on sys.path, nor in the place of the next sitecustomize.
#
# Any Python may come here, an old one, too.
import os
import sys

_here = os.path.dirname(__file__)
sys.path[:] = [entry for entry in sys.path if entry != _here]
sys.path_importer_cache.pop(_here, None)
# Held, since Python 2 empties a module that nobody holds.
_this = sys.modules.pop(__name__, None)

if os.environ.get("WSFAST_ADAPTERS") and sys.version_info >= (3, 10):
    # Behind all others: only if it is not to be found there.
    _root = os.path.dirname(os.path.dirname(_here))
    sys.path.append(_root)
    try:
        from wsfast.launcher import enable_as_told

        enable_as_told()
    except Exception as error:
        _reason = type(error).__name__ + ": " + str(error)
        sys.stderr.write("wsfast: nothing is sped up: " + _reason + "\n")
    finally:
        for _index in reversed(range(len(sys.path))):
            if sys.path[_index] == _root:
                del sys.path[_index]
                break

# The next one. Where there is none, or where it fails, `site` sees what it would have seen.
__import__(__name__)
