variable "vpc_id" {}
variable "subnets" {}

variable "ports" {
  default = [80]
}

resource "aws_security_group" "balancer" {
  name   = "shop-balancer"
  vpc_id = var.vpc_id

  dynamic "ingress" {
    for_each = var.ports

    content {
      description = "Users"
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}

resource "aws_lb" "main" {
  name                       = "shop"
  subnets                    = var.subnets
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
}

resource "aws_lb_listener" "http" {
  count             = length(var.ports)
  load_balancer_arn = aws_lb.main.arn
  port              = var.ports[count.index]
  protocol          = "HTTP"

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
}

output "arn_suffix" {
  value = aws_lb.main.arn_suffix
}

output "listener" {
  value = aws_lb_listener.http[0].arn
}

output "security_group" {
  value = aws_security_group.balancer.id
}
