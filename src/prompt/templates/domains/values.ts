const list = (text: string) => text.split(',').map((value) => value.trim());

/** Values that several domains share. */
export const colours = list('red,orange,yellow,green,blue,purple,pink,brown,black,white,grey');
export const lights = list(
  'bright sunlight,soft light,dim light,artificial light,warm evening light,harsh flash light',
);
export const materials = list('wood,metal,plastic,glass,stone,paper,fabric,clay');
export const views = list(
  'close-up view,front view,side view,top view,wide-angle view,low-angle view,view from behind,eye-level view,overhead view',
);
