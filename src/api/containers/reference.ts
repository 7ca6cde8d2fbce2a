import Type from 'typebox';

/** The container that a route's path names: an id, the beginning of one, or a name. */
export const ContainerParams: Type.TObject<{ id: Type.TString }> = Type.Object({
  id: Type.String(),
});
