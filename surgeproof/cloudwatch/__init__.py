"""What CloudWatch's alarms are made of and what they say, apart from any client of AWS."""
