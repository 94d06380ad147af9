"""The workloads of a desktop: media, clipboard, editor, surge, resize (docs/explanation/clients.md)."""

from __future__ import annotations

from rayos_model.model.clients.client import Client
from rayos_model.model.clients.clipboard import Clipboard
from rayos_model.model.clients.drag_drop import DragDrop
from rayos_model.model.clients.editor import Editor
from rayos_model.model.clients.input import Input
from rayos_model.model.clients.media import Media
from rayos_model.model.clients.rendering import Rendering
from rayos_model.model.clients.resize import Resize
from rayos_model.model.clients.surface_creation import SurfaceCreation
from rayos_model.model.clients.surge import Surge

WORKLOADS: dict[int, type[Client]] = {
    cls.workload: cls
    for cls in (Client, Rendering, Input, SurfaceCreation, DragDrop, Media, Clipboard, Editor, Surge, Resize)
}
