"""The closed sets of accounts, each member with the words that people read. Plain, so that pure rules may use it."""

from __future__ import annotations

from enum import StrEnum

from shared.actors import Office


class UnitKind(StrEnum):
    """What a unit is. Roles say for which kinds they may be asked (`roles.toml`)."""

    PROVINCE = "province"
    DISTRICT = "district"
    COUNTY = "county"
    PRIMARY = "primary"
    JUNIOR = "junior"
    SENIOR = "senior"
    NINE_YEAR = "nine_year"
    CENTRAL_SCHOOL = "central_school"
    VILLAGE_SCHOOL = "village_school"
    ONE_TEACHER_SCHOOL = "one_teacher_school"
    KINDERGARTEN = "kindergarten"
    SPECIAL_SCHOOL = "special_school"
    VOCATIONAL_SCHOOL = "vocational_school"
    COUNTY_TRAINING_SCHOOL = "county_training_school"
    PROVIDER = "provider"

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _UNIT_KINDS[self]


_UNIT_KINDS = {
    UnitKind.PROVINCE: "省",
    UnitKind.DISTRICT: "设区市",
    UnitKind.COUNTY: "县（市、区）",
    UnitKind.PRIMARY: "小学",
    UnitKind.JUNIOR: "初级中学",
    UnitKind.SENIOR: "高级中学",
    UnitKind.NINE_YEAR: "九年一贯制学校",
    UnitKind.CENTRAL_SCHOOL: "中心小学",
    UnitKind.VILLAGE_SCHOOL: "村小",
    UnitKind.ONE_TEACHER_SCHOOL: "教学点",
    UnitKind.KINDERGARTEN: "幼儿园",
    UnitKind.SPECIAL_SCHOOL: "特殊教育学校",
    UnitKind.VOCATIONAL_SCHOOL: "中等职业学校",
    UnitKind.COUNTY_TRAINING_SCHOOL: "教师进修学校",
    UnitKind.PROVIDER: "承训机构",
}


class PersonKind(StrEnum):
    """How somebody is employed, as far as the rules of credits differ (FAQ-Q17, Q20, Q21)."""

    IN_SERVICE = "in_service"
    EDUCATION_AUTHORITY_STAFF = "education_authority_staff"
    SECONDED_TO_AUTHORITY = "seconded_to_authority"
    CONTRACTED_PRE_GRADUATION = "contracted_pre_graduation"


class AccountState(StrEnum):
    """Whether somebody can sign in."""

    NOT_ACTIVATED = "not_activated"
    """Issued; the password has not been set yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """By an account manager; may be restored."""
    CLOSED = "closed"
    """For good."""

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _ACCOUNT_STATES[self]


_ACCOUNT_STATES = {
    AccountState.NOT_ACTIVATED: "未激活",
    AccountState.ACTIVE: "正常",
    AccountState.SUSPENDED: "已停用",
    AccountState.CLOSED: "已注销",
}


class LetterKind(StrEnum):
    """Why somebody writes (FAQ-Q3, Q4)."""

    LOST_ACCOUNT = "lost_account"
    NEW_HOLDER = "new_holder"
    FURTHER_ROLE = "further_role"
    NEW_DISTRICT = "new_district"

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _LETTER_KINDS[self]


_LETTER_KINDS = {
    LetterKind.LOST_ACCOUNT: "账号遗失或不清楚",
    LetterKind.NEW_HOLDER: "新任或更换负责人",
    LetterKind.FURTHER_ROLE: "增加岗位",
    LetterKind.NEW_DISTRICT: "新设立的县（区）",
}


class LetterStatus(StrEnum):
    """Where a letter stands. 待复核, 疑似重复 and 逾期未补正 are groups within these, see `intake/queries.py`."""

    AWAITING_SCAN = "awaiting_scan"
    """Asked for; the stamped letter has not been uploaded yet (T14)."""
    RECEIVED = "received"
    RETURNED = "returned"
    ISSUED = "issued"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """By whoever sent it in (C5)."""

    @property
    def label(self) -> str:
        """The Chinese words."""
        return _LETTER_STATUSES[self]


_LETTER_STATUSES = {
    LetterStatus.AWAITING_SCAN: "待上传盖章扫描件",
    LetterStatus.RECEIVED: "待核验",
    LetterStatus.RETURNED: "待补正",
    LetterStatus.ISSUED: "已开通",
    LetterStatus.REFUSED: "不予受理",
    LetterStatus.WITHDRAWN: "已撤回",
}

OFFICE_TITLES = {
    Office.SCHOOL_ADMIN: "学校管理",
    Office.PLAN_REVIEW: "方案审核",
    Office.PROJECT_ADMIN: "项目管理",
    Office.PROVIDER_ADMIN: "承训机构项目管理",
    Office.RESULT_AUDIT: "成绩审核",
    Office.ACCOUNT_MANAGER: "账号管理",
    Office.CREDIT_ADMIN: "学分查询",
    Office.TEACHER: "教师",
}
"""What people call each office."""
