from typing import Optional

from sqlmodel import Field

import devlake_core as dl
from devlake_core.model import ToolModel


class User(ToolModel, table=True):
    id: str = Field(primary_key=True)
    name: str
    email: Optional[str]
    address: Optional[str] = dl.Field(source="/contactInfo/address")


class Comment(ToolModel, table=True):
    id: str = Field(primary_key=True)
    text_body: str
