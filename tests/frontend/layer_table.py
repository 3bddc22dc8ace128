"""Every layer with its main arguments: as it is written, the input's shape, the output's, weights.

Shapes are without the batch. The texts are valid with graphc's layers and with Keras's.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    text: str
    taken: tuple[int, ...] | list[tuple[int, ...]]
    given: tuple[int, ...]
    weights: int
    integers: int = 0  # inputs are whole numbers below this

    @property
    def backend(self) -> str | None:
        """What Keras has to compute it with: TensorFlow convolves channels_last only on a CPU."""
        return "jax" if "Conv" in self.text and "channels_first" in self.text else None


# fmt: off
ROWS = [Row(*row) for row in (
    # ------------------------------------------------------------------------ dense
    ("Dense(5)",                                             (3,),        (5,),        20),
    ("Dense(5, activation='tanh', use_bias=False)",          (4, 3),      (4, 5),      15),
    ("Dense(4, kernel_regularizer='l2', kernel_constraint='max_norm', bias_constraint='non_neg')",
                                                             (3,),        (4,),        16),
    ("Dense(4, activity_regularizer='l2')",                  (3,),        (4,),        16),
    # ------------------------------------------------------------------------ convolutions
    ("Conv1D(4, 3)",                                         (9, 2),      (7, 4),      28),
    ("Conv1D(4, 3, groups=2, activation='elu')",             (9, 4),      (7, 4),      28),
    ("Conv1D(4, 3, padding='causal', dilation_rate=2)",      (9, 2),      (9, 4),      28),
    ("Conv1D(4, 2, strides=2, data_format='channels_first')", (2, 9),     (4, 4),      20),
    ("Conv2D(4, 3)",                                         (6, 7, 3),   (4, 5, 4),   112),
    ("Conv2D(4, (3, 2), strides=(2, 1), padding='same')",    (6, 7, 3),   (3, 7, 4),   76),
    ("Conv2D(4, 3, dilation_rate=2, activation='relu')",     (7, 7, 2),   (3, 3, 4),   76),
    ("Conv2D(6, 3, groups=3, use_bias=False)",               (5, 5, 3),   (3, 3, 6),   54),
    ("Conv2D(4, 3, data_format='channels_first')",           (3, 6, 5),   (4, 4, 3),   112),
    ("Conv3D(2, 2)",                                         (3, 4, 5, 2), (2, 3, 4, 2), 34),
    ("Conv3D(2, 2, strides=2, padding='same')",              (3, 4, 5, 2), (2, 2, 3, 2), 34),
    ("Conv1DTranspose(4, 3)",                                (5, 2),      (7, 4),      28),
    ("Conv1DTranspose(4, 3, strides=2, padding='same')",     (5, 2),      (10, 4),     28),
    ("Conv2DTranspose(4, 3)",                                (4, 5, 2),   (6, 7, 4),   76),
    ("Conv2DTranspose(4, 3, strides=2, padding='same')",     (4, 5, 2),   (8, 10, 4),  76),
    ("Conv2DTranspose(4, 2, strides=3)",                     (3, 3, 2),   (9, 9, 4),   36),
    ("Conv2DTranspose(4, 3, strides=2, output_padding=1)",   (3, 3, 2),   (8, 8, 4),   76),
    ("Conv3DTranspose(2, 2, strides=2)",                     (2, 3, 2, 2), (4, 6, 4, 2), 34),
    ("DepthwiseConv1D(3, depth_multiplier=2)",               (7, 3),      (5, 6),      24),
    ("DepthwiseConv1D(2, strides=2, padding='same')",        (7, 3),      (4, 3),      9),
    ("DepthwiseConv2D(3)",                                   (6, 6, 3),   (4, 4, 3),   30),
    ("DepthwiseConv2D(3, strides=2, padding='same', depth_multiplier=2, use_bias=False)",
                                                             (6, 6, 3),   (3, 3, 6),   54),
    ("DepthwiseConv2D(2, dilation_rate=2)",                  (6, 6, 3),   (4, 4, 3),   15),
    ("SeparableConv1D(4, 3)",                                (7, 3),      (5, 4),      25),
    ("SeparableConv2D(4, 3, strides=2, use_bias=False)",     (7, 7, 2),   (3, 3, 4),   26),
    ("SeparableConv2D(4, 3, depth_multiplier=2, padding='same')", (5, 5, 3), (5, 5, 4), 82),
    # ------------------------------------------------------------------------ pools
    ("MaxPooling1D()",                                       (7, 3),      (3, 3),      0),
    ("MaxPooling1D(3, strides=2, padding='same')",           (7, 3),      (4, 3),      0),
    ("MaxPooling2D()",                                       (7, 6, 2),   (3, 3, 2),   0),
    ("MaxPooling2D(3, strides=1, padding='same')",           (5, 6, 2),   (5, 6, 2),   0),
    ("MaxPooling2D((2, 3), data_format='channels_first')",   (2, 4, 6),   (2, 2, 2),   0),
    ("MaxPooling3D(2)",                                      (4, 4, 4, 2), (2, 2, 2, 2), 0),
    ("AveragePooling1D(3, strides=2, padding='same')",       (7, 3),      (4, 3),      0),
    ("AveragePooling2D(2)",                                  (7, 6, 2),   (3, 3, 2),   0),
    ("AveragePooling2D(3, strides=2, padding='same')",       (7, 6, 2),   (4, 3, 2),   0),
    ("AveragePooling3D(2)",                                  (4, 4, 4, 2), (2, 2, 2, 2), 0),
    ("GlobalMaxPooling1D()",                                 (7, 3),      (3,),        0),
    ("GlobalMaxPooling1D(data_format='channels_first')",     (3, 7),      (3,),        0),
    ("GlobalMaxPooling2D(keepdims=True)",                    (4, 5, 3),   (1, 1, 3),   0),
    ("GlobalMaxPooling3D()",                                 (2, 3, 4, 3), (3,),       0),
    ("GlobalAveragePooling1D()",                             (7, 3),      (3,),        0),
    ("GlobalAveragePooling2D()",                             (4, 5, 3),   (3,),        0),
    ("GlobalAveragePooling2D(data_format='channels_first')", (3, 4, 5),   (3,),        0),
    ("GlobalAveragePooling3D()",                             (2, 3, 4, 3), (3,),       0),
    # ------------------------------------------------------------------------ shapes
    ("Flatten()",                                            (3, 4, 2),   (24,),       0),
    ("Flatten(data_format='channels_first')",                (2, 3, 4),   (24,),       0),
    ("Reshape((2, -1))",                                     (6,),        (2, 3),      0),
    ("Permute((2, 1))",                                      (3, 4),      (4, 3),      0),
    ("RepeatVector(3)",                                      (4,),        (3, 4),      0),
    ("ZeroPadding1D((1, 2))",                                (4, 2),      (7, 2),      0),
    ("ZeroPadding2D(((1, 2), (0, 3)))",                      (4, 4, 2),   (7, 7, 2),   0),
    ("ZeroPadding2D(data_format='channels_first')",          (2, 4, 4),   (2, 6, 6),   0),
    ("ZeroPadding3D(1)",                                     (2, 2, 2, 1), (4, 4, 4, 1), 0),
    ("Cropping1D((1, 2))",                                   (6, 2),      (3, 2),      0),
    ("Cropping2D(((1, 2), (0, 1)))",                         (6, 6, 2),   (3, 5, 2),   0),
    ("Cropping3D(1)",                                        (4, 4, 4, 1), (2, 2, 2, 1), 0),
    ("UpSampling1D(3)",                                      (2, 2),      (6, 2),      0),
    ("UpSampling2D((2, 3))",                                 (2, 2, 2),   (4, 6, 2),   0),
    ("UpSampling2D(2, interpolation='bilinear')",            (3, 2, 2),   (6, 4, 2),   0),
    ("UpSampling3D(2)",                                      (2, 1, 2, 1), (4, 2, 4, 1), 0),
    # ------------------------------------------------------------------------ activations
    ("Activation('softmax')",                                (5,),        (5,),        0),
    ("ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2)", (5,),      (5,),        0),
    ("LeakyReLU(negative_slope=0.2)",                        (5,),        (5,),        0),
    ("PReLU(alpha_initializer='ones')",                      (4, 3),      (4, 3),      12),
    ("PReLU(shared_axes=[1])",                               (4, 3),      (4, 3),      3),
    ("ELU(0.5)",                                             (5,),        (5,),        0),
    ("Softmax(axis=1)",                                      (5, 2),      (5, 2),      0),
    ("Softmax(axis=[1, 2])",                                 (3, 4),      (3, 4),      0),
    # ------------------------------------------------------------------------ noise, which is off
    ("Dropout(0.5)",                                         (5,),        (5,),        0),
    ("SpatialDropout1D(0.5)",                                (5, 2),      (5, 2),      0),
    ("SpatialDropout2D(0.5)",                                (5, 2, 2),   (5, 2, 2),   0),
    ("SpatialDropout3D(0.5)",                                (2, 2, 2, 2), (2, 2, 2, 2), 0),
    ("AlphaDropout(0.5)",                                    (5,),        (5,),        0),
    ("GaussianDropout(0.5)",                                 (5,),        (5,),        0),
    ("GaussianNoise(0.5)",                                   (5,),        (5,),        0),
    ("ActivityRegularization(0.1, 0.2)",                     (5,),        (5,),        0),
    # ------------------------------------------------------------------------ normalisation
    ("BatchNormalization()",                                 (4,),        (4,),        16),
    ("BatchNormalization(center=False, epsilon=0.01)",       (3, 4),      (3, 4),      12),
    ("BatchNormalization(renorm=True, renorm_clipping={'rmin': 0.5, 'rmax': 2.0, 'dmax': 1.0})",
                                                             (4,),        (4,),        28),
    ("BatchNormalization(axis=1, scale=False, momentum=0.5)", (3, 4, 2),  (3, 4, 2),   9),
    ("LayerNormalization()",                                 (4, 6),      (4, 6),      12),
    ("LayerNormalization(scale=False, epsilon=0.1)",         (4, 6),      (4, 6),      6),
    ("LayerNormalization(axis=[1, 2], center=False)",        (4, 6),      (4, 6),      24),
    ("GroupNormalization(groups=2)",                         (4, 4, 6),   (4, 4, 6),   12),
    ("GroupNormalization(groups=3, scale=False)",            (4, 6),      (4, 6),      6),
    ("GroupNormalization(groups=-1, axis=1)",                (3, 4),      (3, 4),      6),
    ("RMSNormalization()",                                   (4, 6),      (4, 6),      6),
    ("RMSNormalization(axis=[1, 2])",                        (4, 6),      (4, 6),      24),
    ("UnitNormalization(axis=1)",                            (4, 6),      (4, 6),      0),
    # ------------------------------------------------------------------------ several inputs
    ("Add()",                                   [(3, 4), (3, 4), (4,)],   (3, 4),      0),
    ("Subtract()",                              [(3, 4), (3, 4)],         (3, 4),      0),
    ("Multiply()",                              [(3, 4), (3, 4)],         (3, 4),      0),
    ("Average()",                               [(4,), (4,), (4,)],       (4,),        0),
    ("Maximum()",                               [(3, 4), (3, 4)],         (3, 4),      0),
    ("Minimum()",                               [(3, 4), (3, 4)],         (3, 4),      0),
    ("Concatenate()",                           [(3, 4), (3, 2)],         (3, 6),      0),
    ("Concatenate(axis=1)",                     [(3, 4), (2, 4)],         (5, 4),      0),
    ("Dot(axes=1)",                             [(4,), (4,)],             (1,),        0),
    ("Dot(axes=(2, 1), normalize=True)",        [(2, 4), (4, 3)],         (2, 3),      0),
    # ------------------------------------------------------------------------ recurrent
    ("SimpleRNN(4)",                                         (5, 3),      (4,),        32),
    ("SimpleRNN(4, use_bias=False, unroll=True)",            (5, 3),      (4,),        28),
    ("SimpleRNN(4, return_sequences=True, activation='relu')", (5, 3),    (5, 4),      32),
    ("LSTM(4)",                                              (5, 3),      (4,),        128),
    ("LSTM(4, recurrent_activation='hard_sigmoid', activation='softsign')", (5, 3), (4,), 128),
    ("LSTM(4, return_sequences=True, go_backwards=True)",    (5, 3),      (5, 4),      128),
    ("LSTM(4, unit_forget_bias=False, use_bias=False, unroll=True)", (5, 3), (4,),     112),
    ("GRU(4)",                                               (5, 3),      (4,),        108),
    ("GRU(4, go_backwards=True, unroll=True)",               (5, 3),      (4,),        108),
    ("GRU(4, reset_after=False, return_sequences=True)",     (5, 3),      (5, 4),      96),
    ("RNN(LSTMCell(4), return_sequences=True, unroll=True)", (5, 3),      (5, 4),      128),
    ("RNN([LSTMCell(4), GRUCell(2), SimpleRNNCell(3)])",     (5, 3),      (3,),        194),
    ("Bidirectional(LSTM(2, return_sequences=True))",        (5, 3),      (5, 4),      96),
    ("Bidirectional(GRU(2), merge_mode='ave')",              (5, 3),      (2,),        84),
    ("Bidirectional(SimpleRNN(3), merge_mode='mul')",        (5, 3),      (3,),        42),
    ("TimeDistributed(Dense(2))",                            (5, 3),      (5, 2),      8),
    ("TimeDistributed(LSTM(2))",                             (2, 3, 4),   (2, 2),      56),
    ("TimeDistributed(Conv2D(2, 3))",                        (3, 5, 5, 1), (3, 3, 3, 2), 20),
    # ------------------------------------------------------------------------ others
    ("Embedding(10, 4)",                                     (5,),        (5, 4),      40, 10),
    ("Embedding(10, 4, embeddings_regularizer='l1')",        (5,),        (5, 4),      40, 10),
    ("Embedding(10, 4, mask_zero=True)",                     (5,),        (5, 4),      40, 10),
    ("Masking(0.5)",                                         (3, 2),      (3, 2),      0),
    ("Rescaling(2.0, offset=-1.0)",                          (4,),        (4,),        0),
    ("Rescaling([1.0, 2.0], offset=[0.5, 1.0])",             (3, 2),      (3, 2),      0),
    ("Normalization(axis=1)",                                (3, 2),      (3, 2),      7),
    ("Normalization(mean=2.0, variance=4.0, invert=True)",   (3, 2),      (3, 2),      0),
    ("Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])",  (3, 2),      (3, 2),      0),
    ("Identity()",                                           (4,),        (4,),        0),
)]  # fmt: skip
OURS = [Row(*row) for row in (  # layers that Keras has not
    ("SumPooling1D()",                                       (6, 3),      (3, 3),      0),
    ("SumPooling2D()",                                       (6, 7, 3),   (3, 3, 3),   0),
    ("SumPooling3D()",                                       (2, 4, 6, 3), (1, 2, 3, 3), 0),
    ("RReLU()",                                              (5,),        (5,),        0),
    ("NoisyActivation('tanh')",                              (5,),        (5,),        0),
)]  # fmt: skip
# fmt: on
