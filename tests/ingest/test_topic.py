import pytest

from services.core.settings import SettingError
from services.ingest.chirpstack_topic import EventTopic, TopicFilter

UP = "application/17c82e96-be03-4f38-aef3-f83d48582d97/device/70b3d57ed0061234/event/up"


@pytest.mark.parametrize(
    ("setting", "subscription", "topic"),
    [
        ("application/+/device/+/event/+", "application/+/device/+/event/+", UP),
        ("$share/terroir/application/+/device/+/event/+", "$share/terroir/application/+/device/+/event/+", UP),
        ("siel/application/+/device/+/event/+", "siel/application/+/device/+/event/+", f"siel/{UP}"),
        ("lora/{dev_eui}/{event}", "lora/+/+", "lora/70b3d57ed0061234/up"),
        ("{application_id}/{event}/{dev_eui}", "+/+/+", "7/up/70B3D57ED0061234"),
        ("application/+/device/+/event/up", "application/+/device/+/event/up", UP),
    ],
)
def test_filters(setting, subscription, topic):
    found = TopicFilter(setting)
    assert found.subscription == subscription
    assert found.parse(topic) == EventTopic("70b3d57ed0061234", "up")


@pytest.mark.parametrize(
    "topic",
    [
        UP.replace("event/up", "command/down"),
        UP + "/x",
        UP.replace("application/", "applications/"),
        UP.replace("70b3d57ed0061234", "70b3d57ed006123"),
        UP.replace("70b3d57ed0061234", "70b3d57ed006123g"),
        "",
        "$SYS/broker/uptime",
    ],
)
def test_topics_of_others(topic):
    assert TopicFilter("application/+/device/+/event/+").parse(topic) is None


@pytest.mark.parametrize(
    "setting",
    [
        "#",
        "application/#",
        "application/+/device/+/+",
        "lora/+/+",
        "$share/x",
        "$share//a",
        "a+/device/+/event/+",
        "$share/+/device/+/event/+",
    ],
)
def test_a_filter_that_cannot_work_is_refused(setting):
    with pytest.raises(SettingError, match=r"^TERROIR_MQTT_TOPIC: "):
        TopicFilter(setting)
