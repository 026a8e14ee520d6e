"""Names of tables follow from names of classes as they did for pydevlake's plugins."""

import inflect
import pytest

from devlake_core.model import plural
from devlake_core.model.naming import camel_case, tool_table_name

# What tools have, and words whose plural is not regular. Left out are a few of which inflect
# itself makes nonsense ("blitzzes").
WORDS = """
issue build pipeline commit branch repository repo user account board sprint project ticket task
job stage step run workflow release tag ref comment review changelog worklog label status
priority type story epic bug incident service team member group role policy query entry category
activity history company city day key survey delivery deployment environment config property
person child index vertex matrix analysis basis crisis diagnosis hypothesis thesis axis class
process access box tax fix patch match batch dispatch search crash push merge bus virus bonus
census alias address business hash quiz series species news equipment information metadata data
datum medium criterion man woman human foot tooth mouse goose life knife wife leaf half self
shelf hero echo potato veto photo video zoo radio studio memo pro macro proof roof belief chief
cliff gulf safe staff tariff thief wolf calf loaf scarf buildjob testcase testrun pullrequest
mergerequest codeowner qualitygate measure metric test suite case result record file folder
directory library dependency vulnerability severity identity entity component artifact image
container cluster node host server alert event schedule shift oncall escalation rotation
template document page space wiki snippet note todo milestone iteration sprintissue workitem
lifecycle timebox worklogentry statuschange processinstance subindex builddatum cherrypick
gerritchange change patchset approval vote codereview inspection hotspot rule profile language
license lens gas atlas canvas chaos corps chassis headquarters feedback software hardware
traffic money fish sheep deer aircraft schema stigma formula antenna datacentre appendix codex
suffix prefix hex complex vortex apex radius focus nucleus syllabus fungus cactus octopus campus
forum stadium curriculum memorandum phenomenon automaton volcano cargo tomato embargo toy boy
monkey turkey valley guy play relay display array delay quay sky fly try spy ally reply supply
scopeconfig connection azuredevopsscope fakepipeline fakeproject jump trick pull ox axe
githubrepo gitlabmergerequest jiraissue jirastatus buildstatus issuestatus pipelinestatus
testsuite testperson productowner teammember userstory sprintgoal customfield fieldoption
workspace mailbox inbox checkbox sandbox hotfix bugfix nightfix crossref releasenote
buildanalysis codeanalysis coverageanalysis dataset database diff stuff cutoff tradeoff handoff
kickoff turnoff payoff layoff playoff topaz buzz gateway essay holiday birthday monday
"""


def test_plurals_are_those_of_inflect() -> None:
    engine = inflect.engine()
    theirs = {word: engine.plural_noun(word) for word in WORDS.split()}
    assert {word: plural(word) for word in WORDS.split()} == theirs


@pytest.mark.parametrize(
    ("word", "many"), [("human", "humans"), ("lifecycle", "lifecycles"), ("german", "germans")]
)
def test_part_of_a_word_is_no_irregular_word(word: str, many: str) -> None:
    assert plural(word) == many


def test_table_names_have_package_and_plural() -> None:
    assert tool_table_name("devlake_plugin_x.models", "MergeRequest") == "_tool_x_mergerequests"
    assert tool_table_name("devlake_plugin_x", "TestSuite") == "_tool_x_testsuites"


@pytest.mark.parametrize(
    ("snake", "camel"),
    [
        ("name", "name"),
        ("full_name", "fullName"),
        ("a_b_c", "aBC"),
        ("sha_1", "sha1"),
        ("x__y", "xY"),
    ],
)
def test_aliases_are_camel_case(snake: str, camel: str) -> None:
    assert camel_case(snake) == camel
