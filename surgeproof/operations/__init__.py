"""Day-2 tools that talk to AWS through boto3."""
