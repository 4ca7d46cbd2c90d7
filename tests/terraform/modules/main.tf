# Two services behind one load balancer, each an instance of a module.

variable "endpoint" {
  description = "Where the emulated AWS listens."
}

variable "services" {
  default = {
    api = { path = "/api/*", min_size = 2, max_size = 8, alarmed = true }
    web = { path = "/*", min_size = 4, max_size = 20, alarmed = false }
  }
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

locals {
  pages = aws_sns_topic.pages.arn
}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "public" {
  for_each          = { a = 0, b = 1, c = 2 }
  vpc_id            = aws_vpc.main.id
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, each.value)
  availability_zone = data.aws_availability_zones.here.names[each.value]
}

resource "aws_sns_topic" "pages" {
  name = "shop-pages"
}

module "balancer" {
  source  = "./balancer"
  vpc_id  = aws_vpc.main.id
  subnets = [for subnet in aws_subnet.public : subnet.id]
}

module "service" {
  source   = "./service"
  for_each = var.services

  name       = each.key
  path       = each.value.path
  min_size   = each.value.min_size
  max_size   = each.value.max_size
  alarmed    = each.value.alarmed
  vpc_id     = aws_vpc.main.id
  subnets    = [for subnet in aws_subnet.public : subnet.id]
  balancer   = module.balancer.arn_suffix
  listener   = module.balancer.listener
  opened_to  = module.balancer.security_group
  told_pages = local.pages
}

output "groups" {
  value = { for name, service in module.service : name => service.group }
}
