variable "name" {}
variable "path" {}
variable "min_size" {}
variable "max_size" {}
variable "alarmed" {}
variable "vpc_id" {}
variable "subnets" {}
variable "balancer" {}
variable "listener" {}
variable "opened_to" {}
variable "told_pages" {}

resource "aws_security_group" "service" {
  name   = "shop-${var.name}"
  vpc_id = var.vpc_id
}

resource "aws_security_group_rule" "service" {
  description              = "Requests from the load balancer"
  type                     = "ingress"
  from_port                = 8080
  to_port                  = 8080
  protocol                 = "tcp"
  security_group_id        = aws_security_group.service.id
  source_security_group_id = var.opened_to
}

resource "aws_lb_target_group" "service" {
  name     = "shop-${var.name}"
  vpc_id   = var.vpc_id
  port     = 8080
  protocol = "HTTP"

  health_check {
    path     = "/healthz"
    interval = 10
  }
}

resource "aws_lb_listener_rule" "service" {
  listener_arn = var.listener

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.service.arn
  }

  condition {
    path_pattern {
      values = [var.path]
    }
  }
}

resource "aws_launch_template" "service" {
  name_prefix            = "shop-${var.name}-"
  image_id               = "ami-03cf127a"
  instance_type          = "c6g.large"
  vpc_security_group_ids = [aws_security_group.service.id]

  metadata_options {
    http_tokens = "required"
  }
}

resource "aws_autoscaling_group" "service" {
  name                      = "shop-${var.name}"
  min_size                  = var.min_size
  max_size                  = var.max_size
  vpc_zone_identifier       = var.subnets
  target_group_arns         = [aws_lb_target_group.service.arn]
  health_check_type         = "ELB"
  wait_for_capacity_timeout = "0"

  launch_template {
    id      = aws_launch_template.service.id
    version = "$Latest"
  }
}

resource "aws_autoscaling_policy" "requests" {
  count                     = var.alarmed ? 2 : 1
  name                      = "requests-${count.index}"
  autoscaling_group_name    = aws_autoscaling_group.service.name
  policy_type               = "TargetTrackingScaling"
  estimated_instance_warmup = 90

  target_tracking_configuration {
    target_value = 400 + 100 * count.index

    predefined_metric_specification {
      predefined_metric_type = "ALBRequestCountPerTarget"
      resource_label         = "${var.balancer}/${aws_lb_target_group.service.arn_suffix}"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  count               = var.alarmed ? 1 : 0
  alarm_name          = "shop-${var.name}-slow"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 3
  threshold           = 0.5
  metric_name         = "TargetResponseTime"
  namespace           = "AWS/ApplicationELB"
  period              = 60
  extended_statistic  = "p95"
  alarm_actions       = [var.told_pages]

  dimensions = {
    LoadBalancer = var.balancer
    TargetGroup  = aws_lb_target_group.service.arn_suffix
  }
}

output "group" {
  value = aws_autoscaling_group.service.name
}
