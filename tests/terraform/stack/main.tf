# One service behind a load balancer. `python -m tests.terraform.make` plans and applies it.

variable "endpoint" {
  description = "Where the emulated AWS listens."
}

variable "max_size" {
  default = 12
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_force_path_style         = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    autoscaling = var.endpoint
    cloudwatch  = var.endpoint
    ec2         = var.endpoint
    elb         = var.endpoint
    iam         = var.endpoint
    kms         = var.endpoint
    rds         = var.endpoint
    s3          = var.endpoint
    sns         = var.endpoint
    sts         = var.endpoint
  }
}

data "aws_availability_zones" "here" {
  state = "available"
}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "public" {
  count             = 3
  vpc_id            = aws_vpc.main.id
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
  availability_zone = data.aws_availability_zones.here.names[count.index]
}

resource "aws_security_group" "balancer" {
  name   = "shop-balancer"
  vpc_id = aws_vpc.main.id

  ingress {
    from_port   = 443
    to_port     = 443
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "service" {
  name   = "shop-service"
  vpc_id = aws_vpc.main.id
}

resource "aws_security_group_rule" "service" {
  type                     = "ingress"
  from_port                = 8080
  to_port                  = 8080
  protocol                 = "tcp"
  security_group_id        = aws_security_group.service.id
  source_security_group_id = aws_security_group.balancer.id
}

resource "aws_lb" "main" {
  name                       = "shop"
  subnets                    = aws_subnet.public[*].id
  security_groups            = [aws_security_group.balancer.id]
  idle_timeout               = 60
  enable_deletion_protection = false
}

resource "aws_lb_target_group" "service" {
  name                 = "shop-service"
  vpc_id               = aws_vpc.main.id
  port                 = 8080
  protocol             = "HTTP"
  deregistration_delay = 30
  slow_start           = 30

  health_check {
    path                = "/healthz"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service.arn
  }
}

resource "aws_launch_template" "service" {
  name          = "shop-service"
  image_id      = "ami-03cf127a"
  instance_type = "m6i.large"

  vpc_security_group_ids = [aws_security_group.service.id]

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }

  monitoring {
    enabled = true
  }
}

resource "aws_autoscaling_group" "service" {
  name                      = "shop-service"
  min_size                  = 3
  max_size                  = var.max_size
  vpc_zone_identifier       = aws_subnet.public[*].id
  target_group_arns         = [aws_lb_target_group.service.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 120
  enabled_metrics           = ["GroupInServiceInstances", "GroupDesiredCapacity"]
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.service.id
    version = aws_launch_template.service.latest_version
  }

  tag {
    key                 = "service"
    value               = "shop"
    propagate_at_launch = true
  }
}

resource "aws_autoscaling_policy" "requests" {
  name                      = "requests"
  autoscaling_group_name    = aws_autoscaling_group.service.name
  policy_type               = "TargetTrackingScaling"
  estimated_instance_warmup = 120

  target_tracking_configuration {
    target_value = 600

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${aws_lb.main.arn_suffix}/${aws_lb_target_group.service.arn_suffix}"
    }
  }
}

resource "aws_autoscaling_policy" "errors" {
  name                   = "errors"
  autoscaling_group_name = aws_autoscaling_group.service.name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"

  step_adjustment {
    scaling_adjustment          = 2
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 50
  }

  step_adjustment {
    scaling_adjustment          = 4
    metric_interval_lower_bound = 50
  }
}

resource "aws_autoscaling_schedule" "morning" {
  scheduled_action_name  = "morning"
  autoscaling_group_name = aws_autoscaling_group.service.name
  min_size               = 6
  max_size               = var.max_size
  desired_capacity       = 6
  recurrence             = "0 7 * * MON-FRI"
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "shop-errors"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  threshold           = 50
  treat_missing_data  = "notBreaching"
  metric_name         = "HTTPCode_Target_5XX_Count"
  namespace           = "AWS/ApplicationELB"
  period              = 60
  statistic           = "Sum"
  alarm_actions       = [aws_sns_topic.pages.arn, aws_autoscaling_policy.errors.arn]
  ok_actions          = [aws_sns_topic.pages.arn]

  dimensions = {
    LoadBalancer = aws_lb.main.arn_suffix
  }
}

resource "aws_sns_topic" "pages" {
  name = "shop-pages"
}

resource "aws_sns_topic_subscription" "pages" {
  topic_arn = aws_sns_topic.pages.arn
  protocol  = "email"
  endpoint  = "oncall@example.com"
}

resource "aws_db_subnet_group" "main" {
  name       = "shop"
  subnet_ids = aws_subnet.public[*].id
}

resource "aws_db_parameter_group" "main" {
  name   = "shop"
  family = "postgres13"

  parameter {
    name         = "max_connections"
    value        = "200"
    apply_method = "pending-reboot"
  }
}

resource "aws_db_instance" "main" {
  identifier              = "shop"
  engine                  = "postgres"
  engine_version          = "13.4"
  instance_class          = "db.m6g.large"
  allocated_storage       = 100
  username                = "shop"
  password                = "a password of nobody"
  db_subnet_group_name    = aws_db_subnet_group.main.name
  parameter_group_name    = aws_db_parameter_group.main.name
  multi_az                = true
  backup_retention_period = 7
  storage_encrypted       = true
  skip_final_snapshot     = true
}
