// Stands for libcuda.so.1: already loaded under that name when CUPTI's loader asks for it.
#include <cuda.h>

extern "C" CUresult CUDAAPI cuDeviceGetName(char* name, int, CUdevice) {
  *name = 0;
  return CUDA_SUCCESS;
}
