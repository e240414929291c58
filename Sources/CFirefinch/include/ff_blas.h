// Matrix products and convolutions: oneDNN or OpenBLAS when found at run time, own kernels otherwise.
#pragma once
#include <stdint.h>
