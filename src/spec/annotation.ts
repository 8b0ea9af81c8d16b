/**
 * The annotation of an entry of index.json with the name of the image. Tools write a tag or a whole reference into it.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md
 */
export const refNameAnnotation = 'org.opencontainers.image.ref.name';

/** The annotation of an entry of index.json in which Docker and containerd put the full name of the image. */
export const imageNameAnnotation = 'io.containerd.image.name';
