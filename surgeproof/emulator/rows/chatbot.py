"""Amazon Q in chat applications, formerly AWS Chatbot: Slack channels."""

from surgeproof.emulator.rows.row import Call, Name, Row, Step, Tagging

_CHATBOT_TAGS = Tagging(
    tag="TagResource",
    untag="UntagResource",
    member="ResourceARN",
    source="chatConfigurationArn",
)


ROWS = (
    Row(
        "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration",
        service="chatbot",
        create=Step(
            "CreateSlackChannelConfiguration",
            update="UpdateSlackChannelConfiguration",
            update_request={"ChatConfigurationArn": "chatConfigurationArn"},
        ),
        id=">ChannelConfiguration.ChatConfigurationArn",
        name=Name(property="configurationName", limit=128),
        replaces=("configurationName", "slackTeamId"),
        tagging=_CHATBOT_TAGS,
        read=Call(
            "DescribeSlackChannelConfigurations",
            {"ChatConfigurationArn": "id"},
            "SlackChannelConfigurations[0]",
        ),
        gone=("ResourceNotFoundException",),
        outputs={"chatConfigurationArn": "ChatConfigurationArn"},
        delete=(Call("DeleteSlackChannelConfiguration", {"ChatConfigurationArn": "id"}),),
    ),
)
