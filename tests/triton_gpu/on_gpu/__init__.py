"""What only a GPU shows: `make test-gpu`; --gpu-target triton_interpret is a smaller rehearsal."""
