"""Test cases and their runs."""

from devlake_core.model import DomainModel

from .fields import Flag, Id500, Indexed255, Text255, Time


class QaApi(DomainModel, table=True):
    """Describe an API that is tested."""

    __tablename__ = "qa_apis"

    id: Id500 = None
    name: Text255 = None
    path: Text255 = None
    method: Text255 = None
    create_time: Time = None
    creator_id: Text255 = None
    qa_project_id: Indexed255 = None


class QaProject(DomainModel, table=True):
    """Describe a project of test cases."""

    __tablename__ = "qa_projects"

    id: Id500 = None
    name: Text255 = None


class QaTestCase(DomainModel, table=True):
    """Describe a test case."""

    __tablename__ = "qa_test_cases"

    id: Id500 = None
    name: Text255 = None
    create_time: Time = None
    creator_id: Text255 = None
    type: Text255 = None
    qa_api_id: Text255 = None
    qa_project_id: Indexed255 = None


class QaTestCaseExecution(DomainModel, table=True):
    """Tell how one run of a test case ended."""

    __tablename__ = "qa_test_case_executions"

    id: Id500 = None
    qa_project_id: Indexed255 = None
    qa_test_case_id: Indexed255 = None
    create_time: Time = None
    start_time: Time = None
    finish_time: Time = None
    creator_id: Text255 = None
    status: Text255 = None
    is_invalid: Flag = None
