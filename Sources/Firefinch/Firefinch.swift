// `import Firefinch` gives all of the library.
@_exported import FirefinchCPU
@_exported import FirefinchCore
@_exported import FirefinchData
@_exported import FirefinchIO
@_exported import FirefinchNN
@_exported import FirefinchPlot
@_exported import FirefinchTensor
