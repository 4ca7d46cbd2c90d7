"""The policy pack: what a plan must hold before Pulumi may carry it out."""
