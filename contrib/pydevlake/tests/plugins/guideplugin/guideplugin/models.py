from typing import Optional

from pydevlake import Field
from pydevlake.model import ToolModel


class User(ToolModel, table=True):
    id: str = Field(primary_key=True)
    name: str
    email: Optional[str]
    address: Optional[str] = Field(source="/contactInfo/address")


class Comment(ToolModel, table=True):
    id: str = Field(primary_key=True)
    text_body: str
