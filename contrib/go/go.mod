module devlake_core/contrib/go

go 1.22
