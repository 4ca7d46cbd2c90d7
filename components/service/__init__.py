"""What serves users: network, load balancer, instances, how they scale, web ACL, spending."""
