"""Who is who: the register of people, kept by schools and account managers; every change is told to the others."""
