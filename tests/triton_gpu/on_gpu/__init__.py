"""What only a GPU shows: `make test-gpu`. With --gpu-target triton_interpret, a smaller rehearsal."""
