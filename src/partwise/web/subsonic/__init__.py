"""The library as an OpenSubsonic server, so that a player can ask for songs by their parts."""

from partwise.web.subsonic.routes import router

__all__ = ["router"]
