import type { DomainGrammar } from '../grammar.js';

/** Chinese needs neither articles nor plurals, and its class names stand as they are. */
export const generalChinese: DomainGrammar = {
  domain: 'general',
  language: 'zh',
  parts: {
    photo: ['一张', '一幅', '这是一张', '图中是一张'],
    quality: [
      '清晰的',
      '模糊的',
      '明亮的',
      '昏暗的',
      '黑白的',
      '彩色的',
      '低分辨率的',
      '高分辨率的',
      '裁剪过的',
      '专业拍摄的',
    ],
    medium: ['照片', '图片', '特写'],
    subject: ['[NAME]', '[ADJ][NAME]', '[COLOUR][NAME]', '[MATERIAL]制成的[NAME]'],
    place: ['[SCENE]的', '[LIGHT]下的', '白色背景前的', '远处的', '画面中央的'],
    art: ['[STYLE]风格的', '手绘的', '卡通风格的'],
    seen: ['图中有', '画面里可以看到', '这里有', '照片拍到了', '这张图展示的是'],
    number: ['一个', '几个', '许多', ''],
  },
  rules: [
    { tags: ['photo', 'plain'], pattern: '<photo><subject>的<medium>。' },
    { tags: ['photo', 'quality'], pattern: '一张<quality><subject><medium>。' },
    { tags: ['photo', 'scene'], pattern: '一张<place><subject>的<medium>。' },
    { tags: ['style'], pattern: '一幅<art>[NAME]插画。' },
    { tags: ['view'], pattern: '从[VIEW]拍摄的<subject>。' },
    { tags: ['sentence'], pattern: '<seen><number>[NAME]。' },
    { tags: ['sentence', 'scene'], pattern: '<seen><place><subject>。' },
    { tags: ['photo', 'part'], pattern: '[NAME]的[PART]的<medium>。' },
  ],
  values: {
    ADJ: ['旧的', '新的', '小小的', '巨大的', '漂亮的', '干净的'],
    COLOUR: ['红色的', '黄色的', '绿色的', '蓝色的', '黑色的', '白色的'],
    LIGHT: ['阳光', '灯光', '月光', '柔和的光线'],
    MATERIAL: ['木头', '金属', '塑料', '玻璃', '石头'],
    PART: ['正面', '侧面', '背面', '顶部', '表面'],
    SCENE: ['花园里', '厨房里', '森林里', '街道上', '办公室里', '房间里', '桌子上'],
    STYLE: ['水彩', '油画', '素描', '水墨', '像素'],
    VIEW: ['正面', '侧面', '上方', '远处', '近处'],
  },
};
