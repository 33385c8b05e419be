"""The compiled twin of the codec: Cython over the kernels of src_c."""
