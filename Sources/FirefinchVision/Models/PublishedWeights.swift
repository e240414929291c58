/// torchvision 0.28's published weights (download.pytorch.org): what they are called, how good they are and how pictures are
/// prepared for them.
enum PublishedWeights {
  /// A model's weights, those to be taken by default last.
  static func of(_ model: String) -> [VisionWeights] { byModel[model] ?? [] }

  private static let byModel: [String: [VisionWeights]] = {
    var result: [String: [VisionWeights]] = [:]
    for line in table.split(separator: "\n") {
      let field = line.split(separator: " ").map(String.init)
      guard field.count >= 10, let first = Double(field[3]), let second = Double(field[4]), let resize = Int(field[6]),
        let interpolation = VisionPreprocessing.Interpolation(rawValue: field[7]), let numParams = Int(field[8]),
        let minSize = Int(field[9])
      else { fatalError("PublishedWeights: the line '\(line)' is not whole") }
      let crop = Int(field[5])
      var preset = VisionPreprocessing(crop: crop, resize: resize, interpolation: interpolation)
      let isCaffe = field.last == "caffe"
      if field.last == "half" { (preset.mean, preset.std) = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]) }
      if isCaffe { (preset.mean, preset.std) = ([0.48235, 0.45882, 0.40784], [1 / 255.0, 1 / 255.0, 1 / 255.0]) }
      let isClassifier = crop != nil
      let categories = isClassifier ? Categories.imageNet : Categories.voc
      result[field[0], default: []].append(
        VisionWeights(
          field[1], field[2], preprocessing: preset, categories: isCaffe ? [] : categories,
          metrics: isClassifier ? ["acc@1": first, "acc@5": second] : ["miou": first, "pixel_acc": second],
          numParams: numParams, minSize: minSize))
    }
    return result
  }()

  // Model, weights, file; accuracy of the first and the first five guesses (or mean intersection over union and accuracy of pixels)
  // in per cent; crop (none for segmentation), shorter side, interpolation; number of parameters, smallest side;
  // "half": mean and deviation 0.5 instead of ImageNet's, "caffe": Caffe's mean, no classes.
  private static let table = """
    alexnet IMAGENET1K_V1 alexnet-owt-7be5be79.pth 56.522 79.066 224 256 bilinear 61100840 63
    convnext_base IMAGENET1K_V1 convnext_base-6075fbad.pth 84.062 96.87 224 232 bilinear 88591464 32
    convnext_large IMAGENET1K_V1 convnext_large-ea097f82.pth 84.414 96.976 224 232 bilinear 197767336 32
    convnext_small IMAGENET1K_V1 convnext_small-0c510722.pth 83.616 96.65 224 230 bilinear 50223688 32
    convnext_tiny IMAGENET1K_V1 convnext_tiny-983f1562.pth 82.52 96.146 224 236 bilinear 28589128 32
    deeplabv3_mobilenet_v3_large COCO_WITH_VOC_LABELS_V1 deeplabv3_mobilenet_v3_large-fc3c493d.pth 60.3 91.2 - 520 bilinear 11029328 1
    deeplabv3_resnet101 COCO_WITH_VOC_LABELS_V1 deeplabv3_resnet101_coco-586e9e4e.pth 67.4 92.4 - 520 bilinear 60996202 1
    deeplabv3_resnet50 COCO_WITH_VOC_LABELS_V1 deeplabv3_resnet50_coco-cd0a2569.pth 66.4 92.4 - 520 bilinear 42004074 1
    densenet121 IMAGENET1K_V1 densenet121-a639ec97.pth 74.434 91.972 224 256 bilinear 7978856 29
    densenet161 IMAGENET1K_V1 densenet161-8d451a50.pth 77.138 93.56 224 256 bilinear 28681000 29
    densenet169 IMAGENET1K_V1 densenet169-b2777c0a.pth 75.6 92.806 224 256 bilinear 14149480 29
    densenet201 IMAGENET1K_V1 densenet201-c1103571.pth 76.896 93.37 224 256 bilinear 20013928 29
    efficientnet_b0 IMAGENET1K_V1 efficientnet_b0_rwightman-7f5810bc.pth 77.692 93.532 224 256 bicubic 5288548 1
    efficientnet_b1 IMAGENET1K_V1 efficientnet_b1_rwightman-bac287d4.pth 78.642 94.186 240 256 bicubic 7794184 1
    efficientnet_b1 IMAGENET1K_V2 efficientnet_b1-c27df63c.pth 79.838 94.934 240 255 bilinear 7794184 1
    efficientnet_b2 IMAGENET1K_V1 efficientnet_b2_rwightman-c35c1473.pth 80.608 95.31 288 288 bicubic 9109994 1
    efficientnet_b3 IMAGENET1K_V1 efficientnet_b3_rwightman-b3899882.pth 82.008 96.054 300 320 bicubic 12233232 1
    efficientnet_b4 IMAGENET1K_V1 efficientnet_b4_rwightman-23ab8bcd.pth 83.384 96.594 380 384 bicubic 19341616 1
    efficientnet_b5 IMAGENET1K_V1 efficientnet_b5_lukemelas-1a07897c.pth 83.444 96.628 456 456 bicubic 30389784 1
    efficientnet_b6 IMAGENET1K_V1 efficientnet_b6_lukemelas-24a108a5.pth 84.008 96.916 528 528 bicubic 43040704 1
    efficientnet_b7 IMAGENET1K_V1 efficientnet_b7_lukemelas-c5b4e57e.pth 84.122 96.908 600 600 bicubic 66347960 1
    efficientnet_v2_l IMAGENET1K_V1 efficientnet_v2_l-59c71312.pth 85.808 97.788 480 480 bicubic 118515272 33 half
    efficientnet_v2_m IMAGENET1K_V1 efficientnet_v2_m-dc08266a.pth 85.112 97.156 480 480 bilinear 54139356 33
    efficientnet_v2_s IMAGENET1K_V1 efficientnet_v2_s-dd5fe13b.pth 84.228 96.878 384 384 bilinear 21458488 33
    fcn_resnet101 COCO_WITH_VOC_LABELS_V1 fcn_resnet101_coco-7ecb50ca.pth 63.7 91.9 - 520 bilinear 54314346 1
    fcn_resnet50 COCO_WITH_VOC_LABELS_V1 fcn_resnet50_coco-1167a1af.pth 60.5 91.4 - 520 bilinear 35322218 1
    googlenet IMAGENET1K_V1 googlenet-1378be20.pth 69.778 89.53 224 256 bilinear 6624904 15
    inception_v3 IMAGENET1K_V1 inception_v3_google-0cc3c7bd.pth 77.294 93.45 299 342 bilinear 27161264 75
    lraspp_mobilenet_v3_large COCO_WITH_VOC_LABELS_V1 lraspp_mobilenet_v3_large-d234d4ea.pth 57.9 91.2 - 520 bilinear 3221538 1
    maxvit_t IMAGENET1K_V1 maxvit_t-bc5ab103.pth 83.7 96.722 224 224 bicubic 30919624 224
    mnasnet0_5 IMAGENET1K_V1 mnasnet0.5_top1_67.823-3ffadce67e.pth 67.734 87.49 224 256 bilinear 2218512 1
    mnasnet0_75 IMAGENET1K_V1 mnasnet0_75-7090bc5f.pth 71.18 90.496 224 232 bilinear 3170208 1
    mnasnet1_0 IMAGENET1K_V1 mnasnet1.0_top1_73.512-f206786ef8.pth 73.456 91.51 224 256 bilinear 4383312 1
    mnasnet1_3 IMAGENET1K_V1 mnasnet1_3-a4c69d6f.pth 76.506 93.522 224 232 bilinear 6282256 1
    mobilenet_v2 IMAGENET1K_V1 mobilenet_v2-b0353104.pth 71.878 90.286 224 256 bilinear 3504872 1
    mobilenet_v2 IMAGENET1K_V2 mobilenet_v2-7ebf99e0.pth 72.154 90.822 224 232 bilinear 3504872 1
    mobilenet_v3_large IMAGENET1K_V1 mobilenet_v3_large-8738ca79.pth 74.042 91.34 224 256 bilinear 5483032 1
    mobilenet_v3_large IMAGENET1K_V2 mobilenet_v3_large-5c1a4163.pth 75.274 92.566 224 232 bilinear 5483032 1
    mobilenet_v3_small IMAGENET1K_V1 mobilenet_v3_small-047dcff4.pth 67.668 87.402 224 256 bilinear 2542856 1
    regnet_x_16gf IMAGENET1K_V1 regnet_x_16gf-2007eb11.pth 80.058 94.944 224 256 bilinear 54278536 1
    regnet_x_16gf IMAGENET1K_V2 regnet_x_16gf-ba3796d7.pth 82.716 96.196 224 232 bilinear 54278536 1
    regnet_x_1_6gf IMAGENET1K_V1 regnet_x_1_6gf-e3633e7f.pth 77.04 93.44 224 256 bilinear 9190136 1
    regnet_x_1_6gf IMAGENET1K_V2 regnet_x_1_6gf-a12f2b72.pth 79.668 94.922 224 232 bilinear 9190136 1
    regnet_x_32gf IMAGENET1K_V1 regnet_x_32gf-9d47f8d0.pth 80.622 95.248 224 256 bilinear 107811560 1
    regnet_x_32gf IMAGENET1K_V2 regnet_x_32gf-6eb8fdc6.pth 83.014 96.288 224 232 bilinear 107811560 1
    regnet_x_3_2gf IMAGENET1K_V1 regnet_x_3_2gf-f342aeae.pth 78.364 93.992 224 256 bilinear 15296552 1
    regnet_x_3_2gf IMAGENET1K_V2 regnet_x_3_2gf-7071aa85.pth 81.196 95.43 224 232 bilinear 15296552 1
    regnet_x_400mf IMAGENET1K_V1 regnet_x_400mf-adf1edd5.pth 72.834 90.95 224 256 bilinear 5495976 1
    regnet_x_400mf IMAGENET1K_V2 regnet_x_400mf-62229a5f.pth 74.864 92.322 224 232 bilinear 5495976 1
    regnet_x_800mf IMAGENET1K_V1 regnet_x_800mf-ad17e45c.pth 75.212 92.348 224 256 bilinear 7259656 1
    regnet_x_800mf IMAGENET1K_V2 regnet_x_800mf-94a99ebd.pth 77.522 93.826 224 232 bilinear 7259656 1
    regnet_x_8gf IMAGENET1K_V1 regnet_x_8gf-03ceed89.pth 79.344 94.686 224 256 bilinear 39572648 1
    regnet_x_8gf IMAGENET1K_V2 regnet_x_8gf-2b70d774.pth 81.682 95.678 224 232 bilinear 39572648 1
    regnet_y_128gf IMAGENET1K_SWAG_LINEAR_V1 regnet_y_128gf_lc_swag-cbe8ce12.pth 86.068 97.844 224 224 bicubic 644812894 1
    regnet_y_128gf IMAGENET1K_SWAG_E2E_V1 regnet_y_128gf_swag-c8ce3e52.pth 88.228 98.682 384 384 bicubic 644812894 1
    regnet_y_16gf IMAGENET1K_V1 regnet_y_16gf-9e6ed7dd.pth 80.424 95.24 224 256 bilinear 83590140 1
    regnet_y_16gf IMAGENET1K_SWAG_E2E_V1 regnet_y_16gf_swag-43afe44d.pth 86.012 98.054 384 384 bicubic 83590140 1
    regnet_y_16gf IMAGENET1K_SWAG_LINEAR_V1 regnet_y_16gf_lc_swag-f3ec0043.pth 83.976 97.244 224 224 bicubic 83590140 1
    regnet_y_16gf IMAGENET1K_V2 regnet_y_16gf-3e4a00f9.pth 82.886 96.328 224 232 bilinear 83590140 1
    regnet_y_1_6gf IMAGENET1K_V1 regnet_y_1_6gf-b11a554e.pth 77.95 93.966 224 256 bilinear 11202430 1
    regnet_y_1_6gf IMAGENET1K_V2 regnet_y_1_6gf-0d7bc02a.pth 80.876 95.444 224 232 bilinear 11202430 1
    regnet_y_32gf IMAGENET1K_V1 regnet_y_32gf-4dee3f7a.pth 80.878 95.34 224 256 bilinear 145046770 1
    regnet_y_32gf IMAGENET1K_SWAG_E2E_V1 regnet_y_32gf_swag-04fdfa75.pth 86.838 98.362 384 384 bicubic 145046770 1
    regnet_y_32gf IMAGENET1K_SWAG_LINEAR_V1 regnet_y_32gf_lc_swag-e1583746.pth 84.622 97.48 224 224 bicubic 145046770 1
    regnet_y_32gf IMAGENET1K_V2 regnet_y_32gf-8db6d4b5.pth 83.368 96.498 224 232 bilinear 145046770 1
    regnet_y_3_2gf IMAGENET1K_V1 regnet_y_3_2gf-b5a9779c.pth 78.948 94.576 224 256 bilinear 19436338 1
    regnet_y_3_2gf IMAGENET1K_V2 regnet_y_3_2gf-9180c971.pth 81.982 95.972 224 232 bilinear 19436338 1
    regnet_y_400mf IMAGENET1K_V1 regnet_y_400mf-c65dace8.pth 74.046 91.716 224 256 bilinear 4344144 1
    regnet_y_400mf IMAGENET1K_V2 regnet_y_400mf-e6988f5f.pth 75.804 92.742 224 232 bilinear 4344144 1
    regnet_y_800mf IMAGENET1K_V1 regnet_y_800mf-1b27b58c.pth 76.42 93.136 224 256 bilinear 6432512 1
    regnet_y_800mf IMAGENET1K_V2 regnet_y_800mf-58fc7688.pth 78.828 94.502 224 232 bilinear 6432512 1
    regnet_y_8gf IMAGENET1K_V1 regnet_y_8gf-d0d0e4a8.pth 80.032 95.048 224 256 bilinear 39381472 1
    regnet_y_8gf IMAGENET1K_V2 regnet_y_8gf-dc2b1b54.pth 82.828 96.33 224 232 bilinear 39381472 1
    resnet101 IMAGENET1K_V1 resnet101-63fe2227.pth 77.374 93.546 224 256 bilinear 44549160 1
    resnet101 IMAGENET1K_V2 resnet101-cd907fc2.pth 81.886 95.78 224 232 bilinear 44549160 1
    resnet152 IMAGENET1K_V1 resnet152-394f9c45.pth 78.312 94.046 224 256 bilinear 60192808 1
    resnet152 IMAGENET1K_V2 resnet152-f82ba261.pth 82.284 96.002 224 232 bilinear 60192808 1
    resnet18 IMAGENET1K_V1 resnet18-f37072fd.pth 69.758 89.078 224 256 bilinear 11689512 1
    resnet34 IMAGENET1K_V1 resnet34-b627a593.pth 73.314 91.42 224 256 bilinear 21797672 1
    resnet50 IMAGENET1K_V1 resnet50-0676ba61.pth 76.13 92.862 224 256 bilinear 25557032 1
    resnet50 IMAGENET1K_V2 resnet50-11ad3fa6.pth 80.858 95.434 224 232 bilinear 25557032 1
    resnext101_32x8d IMAGENET1K_V1 resnext101_32x8d-8ba56ff5.pth 79.312 94.526 224 256 bilinear 88791336 1
    resnext101_32x8d IMAGENET1K_V2 resnext101_32x8d-110c445d.pth 82.834 96.228 224 232 bilinear 88791336 1
    resnext101_64x4d IMAGENET1K_V1 resnext101_64x4d-173b62eb.pth 83.246 96.454 224 232 bilinear 83455272 1
    resnext50_32x4d IMAGENET1K_V1 resnext50_32x4d-7cdf4587.pth 77.618 93.698 224 256 bilinear 25028904 1
    resnext50_32x4d IMAGENET1K_V2 resnext50_32x4d-1a0047aa.pth 81.198 95.34 224 232 bilinear 25028904 1
    shufflenet_v2_x0_5 IMAGENET1K_V1 shufflenetv2_x0.5-f707e7126e.pth 60.552 81.746 224 256 bilinear 1366792 1
    shufflenet_v2_x1_0 IMAGENET1K_V1 shufflenetv2_x1-5666bf0f80.pth 69.362 88.316 224 256 bilinear 2278604 1
    shufflenet_v2_x1_5 IMAGENET1K_V1 shufflenetv2_x1_5-3c479a10.pth 72.996 91.086 224 232 bilinear 3503624 1
    shufflenet_v2_x2_0 IMAGENET1K_V1 shufflenetv2_x2_0-8be3c8ee.pth 76.23 93.006 224 232 bilinear 7393996 1
    squeezenet1_0 IMAGENET1K_V1 squeezenet1_0-b66bff10.pth 58.092 80.42 224 256 bilinear 1248424 21
    squeezenet1_1 IMAGENET1K_V1 squeezenet1_1-b8a52dc0.pth 58.178 80.624 224 256 bilinear 1235496 17
    swin_b IMAGENET1K_V1 swin_b-68c6b09e.pth 83.582 96.64 224 238 bicubic 87768224 224
    swin_s IMAGENET1K_V1 swin_s-5e29d889.pth 83.196 96.36 224 246 bicubic 49606258 224
    swin_t IMAGENET1K_V1 swin_t-704ceda3.pth 81.474 95.776 224 232 bicubic 28288354 224
    swin_v2_b IMAGENET1K_V1 swin_v2_b-781e5279.pth 84.112 96.864 256 272 bicubic 87930848 256
    swin_v2_s IMAGENET1K_V1 swin_v2_s-637d8ceb.pth 83.712 96.816 256 260 bicubic 49737442 256
    swin_v2_t IMAGENET1K_V1 swin_v2_t-b137f0e2.pth 82.072 96.132 256 260 bicubic 28351570 256
    vgg11 IMAGENET1K_V1 vgg11-8a719046.pth 69.02 88.628 224 256 bilinear 132863336 32
    vgg11_bn IMAGENET1K_V1 vgg11_bn-6002323d.pth 70.37 89.81 224 256 bilinear 132868840 32
    vgg13 IMAGENET1K_V1 vgg13-19584684.pth 69.928 89.246 224 256 bilinear 133047848 32
    vgg13_bn IMAGENET1K_V1 vgg13_bn-abd245e5.pth 71.586 90.374 224 256 bilinear 133053736 32
    vgg16 IMAGENET1K_FEATURES vgg16_features-amdegroot-88682ab5.pth nan nan 224 256 bilinear 138357544 32 caffe
    vgg16 IMAGENET1K_V1 vgg16-397923af.pth 71.592 90.382 224 256 bilinear 138357544 32
    vgg16_bn IMAGENET1K_V1 vgg16_bn-6c64b313.pth 73.36 91.516 224 256 bilinear 138365992 32
    vgg19 IMAGENET1K_V1 vgg19-dcbb9e9d.pth 72.376 90.876 224 256 bilinear 143667240 32
    vgg19_bn IMAGENET1K_V1 vgg19_bn-c79401a0.pth 74.218 91.842 224 256 bilinear 143678248 32
    vit_b_16 IMAGENET1K_SWAG_E2E_V1 vit_b_16_swag-9ac1b537.pth 85.304 97.65 384 384 bicubic 86859496 384
    vit_b_16 IMAGENET1K_SWAG_LINEAR_V1 vit_b_16_lc_swag-4e70ced5.pth 81.886 96.18 224 224 bicubic 86567656 224
    vit_b_16 IMAGENET1K_V1 vit_b_16-c867db91.pth 81.072 95.318 224 256 bilinear 86567656 224
    vit_b_32 IMAGENET1K_V1 vit_b_32-d86f8d99.pth 75.912 92.466 224 256 bilinear 88224232 224
    vit_h_14 IMAGENET1K_SWAG_LINEAR_V1 vit_h_14_lc_swag-c1eb923e.pth 85.708 97.73 224 224 bicubic 632045800 224
    vit_h_14 IMAGENET1K_SWAG_E2E_V1 vit_h_14_swag-80465313.pth 88.552 98.694 518 518 bicubic 633470440 518
    vit_l_16 IMAGENET1K_SWAG_E2E_V1 vit_l_16_swag-4f3808c9.pth 88.064 98.512 512 512 bicubic 305174504 512
    vit_l_16 IMAGENET1K_SWAG_LINEAR_V1 vit_l_16_lc_swag-4d563306.pth 85.146 97.422 224 224 bicubic 304326632 224
    vit_l_16 IMAGENET1K_V1 vit_l_16-852ce7e3.pth 79.662 94.638 224 242 bilinear 304326632 224
    vit_l_32 IMAGENET1K_V1 vit_l_32-c7638314.pth 76.972 93.07 224 256 bilinear 306535400 224
    wide_resnet101_2 IMAGENET1K_V1 wide_resnet101_2-32ee1156.pth 78.848 94.284 224 256 bilinear 126886696 1
    wide_resnet101_2 IMAGENET1K_V2 wide_resnet101_2-d733dc28.pth 82.51 96.02 224 232 bilinear 126886696 1
    wide_resnet50_2 IMAGENET1K_V1 wide_resnet50_2-95faca4d.pth 78.468 94.086 224 256 bilinear 68883240 1
    wide_resnet50_2 IMAGENET1K_V2 wide_resnet50_2-9ba9bcbe.pth 81.602 95.758 224 232 bilinear 68883240 1
    """
}
