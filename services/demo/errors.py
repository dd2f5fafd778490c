"""Everything that can keep a demo from running and that its user can do something about."""

from services.core.storage.migrate import MigrationFailed, SchemaUnknown
from services.core.territory_row import TerritoryError
from services.core.vocabulary import VocabularyError
from services.demo.account import NoAccount
from services.demo.apt import AptFailed
from services.demo.cache import CacheUnusable
from services.demo.child import FolderInUse, ServerFailed
from services.demo.ports import PortTaken
from services.demo.state import DemoFailed

CANNOT: tuple[type[Exception], ...] = (
    DemoFailed,
    PortTaken,
    FolderInUse,
    ServerFailed,
    NoAccount,
    AptFailed,
    CacheUnusable,
    MigrationFailed,
    SchemaUnknown,
    VocabularyError,
    TerritoryError,
)
